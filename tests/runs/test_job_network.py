import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from pipeline.errors import InvalidSetting
from pipeline.runs.job_network import JobNetwork

VPC = {"JOB_SUBNET_IDS": "subnet-1, subnet-2", "JOB_SECURITY_GROUP_IDS": "sg-1"}


@pytest.fixture(scope="module")
def shape():
    model = ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")
    return model.operation_model("CreateProcessingJob").input_shape.members["NetworkConfig"]


@pytest.mark.parametrize("environment", [{}, {"JOB_SUBNET_IDS": "", "JOB_SECURITY_GROUP_IDS": ""}])
def test_a_job_is_in_no_vpc_unless_the_stack_is(environment):
    assert JobNetwork.from_env(environment).config(isolated=True) == {"EnableNetworkIsolation": True}


def test_a_job_is_in_the_subnets_of_the_stack():
    assert JobNetwork.from_env(VPC).config(isolated=False) == {
        "EnableNetworkIsolation": False,
        "VpcConfig": {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]},
    }


@pytest.mark.parametrize("environment", [{}, VPC])
def test_sagemaker_takes_it(shape, environment):
    config = JobNetwork.from_env(environment).config(isolated=True)
    assert not ParamValidator().validate(config, shape).has_errors()


@pytest.mark.parametrize("name", VPC)
def test_half_a_vpc_is_refused(name):
    with pytest.raises(InvalidSetting, match=r"belong together.*subnet-1|belong together.*sg-1"):
        JobNetwork.from_env({name: VPC[name]})
